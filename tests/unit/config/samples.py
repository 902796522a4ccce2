"""Configurations that more than one folder's tests begin with."""

FIX_SOURCE = """
mode = "paper"
[venues.paper]
kind = "paper"
[accounts.one]
venue = "paper"
login = "one"
currency = "USD"
[sources.desk]
kind = "fix"
strategy = "es"
[sources.desk.fix]
begin_string = "FIX.4.4"
port = 9878
sender = "BASCULE"
target = "DESK"
password_secret = "desk_password"
[routes.es]
strategy = "es"
accounts = [{ account = "one", sizing = { method = "signal" } }]
"""
