-- The audit trail can be written and read, and nothing else. Two locks, because installations differ:
-- 1. the privileges go, also from the role that owns the table and from one the server runs as;
-- 2. a trigger refuses whoever still has them (a superuser, a role granted later).
-- Where the server shall not even be able to put these back, let one role own the tables and run
-- `npm run migrate`, and give the server's role only what docs/operating.md lists.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_events is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
--> statement-breakpoint
CREATE TRIGGER audit_events_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_events"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
--> statement-breakpoint
REVOKE UPDATE, DELETE, TRUNCATE ON "audit_events" FROM PUBLIC, CURRENT_USER;
