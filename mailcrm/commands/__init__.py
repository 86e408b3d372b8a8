"""Command lines in a salesperson's mail: the words, the grammar, the dates. Pure; nothing here knows a database.

words.py     which words mean which command, in Finnish and English, and how each is written
when.py      a day and perhaps a time at the beginning of a text; ``dateparser`` lives and dies there
amounts.py   an amount and a currency
grammar.py   one line -> Command or Fault
reading.py   the newly written text and the subject -> Orders
"""
