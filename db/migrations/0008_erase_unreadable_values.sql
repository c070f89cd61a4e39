-- Hashes and seals get checks in the next migration. What would break them was never written by setpass as it
-- meant to (a driver's fault could store a value's hex text for the value), and nobody can open it. So that
-- no such row stops an upgrade, or later a worker, it goes first, and is told where people look:
--   a link with such a value is revoked, which its history tells: issue it again;
--   a mail is given up as failed, which the link's page tells;
--   a session ends: its administrator signs in again;
--   a request for a new link stays, without its PIN: ask the user for it.
LOCK TABLE "links", "mails", "admin_sessions", "reset_requests" IN ACCESS EXCLUSIVE MODE;
--> statement-breakpoint
CREATE FUNCTION is_sealed(value bytea) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
  SELECT value IS NULL OR (octet_length(value) >= 37 AND substring(value FROM 1 FOR 1) = '\x01')
$$;
--> statement-breakpoint
WITH broken AS (
  SELECT id, state FROM "links"
  WHERE octet_length(token_hash) <> 32 OR octet_length(pin_mac) <> 32
    OR NOT is_sealed(sealed_pin_key) OR NOT is_sealed(sealed_password) OR NOT is_sealed(sealed_attempts)
), erased AS (
  UPDATE "links" AS link SET
    state = CASE broken.state WHEN 'pending' THEN 'revoked' ELSE broken.state END,
    revoked_at = CASE broken.state WHEN 'pending' THEN now() ELSE revoked_at END,
    token_hash = NULL, sealed_pin_key = NULL, pin_mac = NULL, sealed_password = NULL, problem = NULL,
    -- Passwords that may be in force are still asked about, where they can be read.
    sealed_attempts = CASE WHEN is_sealed(sealed_attempts) THEN sealed_attempts END,
    attempted_at = CASE WHEN is_sealed(sealed_attempts) THEN attempted_at END,
    settle_asked_at = CASE WHEN is_sealed(sealed_attempts) THEN settle_asked_at END,
    claim_id = NULL, claimed_until = NULL
  FROM broken WHERE link.id = broken.id
  RETURNING link.id, link.user_id, broken.state AS was
), revoked AS (
  SELECT id, user_id FROM erased WHERE was = 'pending'
), told AS (
  INSERT INTO "audit_events" (action, actor_kind, user_id, link_id, outcome)
  SELECT 'link.revoked', 'system', user_id, id, 'unreadable' FROM revoked
)
UPDATE "mails" SET state = 'cancelled', sealed_props = NULL, leased_until = NULL
WHERE state = 'queued' AND template = 'link' AND link_id IN (SELECT id FROM revoked);
--> statement-breakpoint
UPDATE "mails" SET
  sealed_props = NULL, leased_until = NULL,
  last_error = CASE WHEN state = 'queued' THEN 'What it should say could not be read, so it was not sent.' ELSE last_error END,
  state = CASE WHEN state = 'queued' THEN 'failed' ELSE state END
WHERE NOT is_sealed(sealed_props);
--> statement-breakpoint
DELETE FROM "admin_sessions" WHERE octet_length(id_hash) <> 32 OR NOT is_sealed(sealed_token);
--> statement-breakpoint
UPDATE "reset_requests" SET sealed_pin = NULL WHERE NOT is_sealed(sealed_pin);
--> statement-breakpoint
DROP FUNCTION is_sealed(bytea);
