"""The verbs that people type and the rules call, a thin file each: arguments in, exit status out.

In come words of a command line; out go text for people and an exit status. What a verb does
lies in the rooms below; all of them may be imported here, and nothing imports this room.
"""
