ALTER TABLE "audit_events" ADD COLUMN "credential" text;--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "sealed_parked" "bytea";--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "scrambled_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "scramble_asked_at" timestamp with time zone;--> statement-breakpoint
-- Looked at row by row in the next migration, which nobody waits for.
ALTER TABLE "links" ADD CONSTRAINT "links_sealed_parked_is_sealed" CHECK (octet_length("links"."sealed_parked") >= 37 and substring("links"."sealed_parked" from 1 for 1) = '\x01') NOT VALID;--> statement-breakpoint
ALTER TABLE "links" ADD CONSTRAINT "links_parked_is_scrambled" CHECK ("links"."sealed_parked" is null or ("links"."state" <> 'completed' and "links"."scrambled_at" is not null)) NOT VALID;
