CREATE INDEX CONCURRENTLY "links_scramble" ON "links" USING btree ("scrambled_at") WHERE "links"."sealed_parked" is not null;--> statement-breakpoint
ALTER TABLE "links" VALIDATE CONSTRAINT "links_sealed_parked_is_sealed";--> statement-breakpoint
ALTER TABLE "links" VALIDATE CONSTRAINT "links_parked_is_scrambled";
