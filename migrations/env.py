"""Alembic's environment: one transaction for all steps. https://alembic.sqlalchemy.org/

Run by `hie.kit.migrations`, which hands over a connection that holds the upgrade lock.
"""

from alembic import context

# A step that must wait for a lock makes every query behind it wait too: better to fail and try
# again in a quiet moment. A step that needs longer says so itself with SET LOCAL.
TIME_OUTS = "SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '15min'"

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    connection.exec_driver_sql(TIME_OUTS)
    context.run_migrations()
