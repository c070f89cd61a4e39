-- What runs as the owner is for the triggers of "links": nobody else may put it on a table of their own, where a
-- cast of theirs would run as the owner too. Firing asks for no right to it.
REVOKE EXECUTE ON FUNCTION note_link_words() FROM PUBLIC;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION note_link_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF tg_relid <> 'public.links'::regclass THEN
    RAISE EXCEPTION 'note_link_words is for public.links alone' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO public.link_words (link_id, words)
    VALUES (new.id, public.words_of(new.user_name, new.user_id, new.mail_to))
    ON CONFLICT (link_id) DO UPDATE SET words = excluded.words;
  RETURN NULL;
END
$$;
