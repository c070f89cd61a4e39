-- Small letters: a search tells none apart. A line each, so that nothing is found across two of them.
CREATE FUNCTION words_of(user_name text, user_id text, address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT lower(coalesce(user_name, '') || chr(10) || user_id || chr(10) || coalesce(address, ''))
$$;
--> statement-breakpoint
-- Every part of one, two or three letters, of whatever script: what is searched for has one of them at least.
CREATE FUNCTION parts_of(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT letters
    || array(SELECT one || two FROM unnest(letters, letters[2:]) AS pair (one, two) WHERE two IS NOT NULL)
    || array(SELECT one || two || three FROM unnest(letters, letters[2:], letters[3:]) AS triple (one, two, three)
      WHERE three IS NOT NULL)
  FROM string_to_array(words, NULL) AS letters
$$;
--> statement-breakpoint
-- As the owner: so servers go on that were granted nothing of this table yet, and none can write it otherwise.
CREATE FUNCTION note_link_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.link_words (link_id, words)
    VALUES (new.id, public.words_of(new.user_name, new.user_id, new.mail_to))
    ON CONFLICT (link_id) DO UPDATE SET words = excluded.words;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER links_words_of_new AFTER INSERT ON "links"
  FOR EACH ROW EXECUTE FUNCTION note_link_words();
--> statement-breakpoint
CREATE TRIGGER links_words_of_changed AFTER UPDATE ON "links"
  FOR EACH ROW WHEN (old.user_name IS DISTINCT FROM new.user_name OR old.mail_to IS DISTINCT FROM new.mail_to
    OR old.user_id <> new.user_id)
  EXECUTE FUNCTION note_link_words();
--> statement-breakpoint
-- Of a long text a handful, spread over it: whoever asks compares the words themselves as well.
CREATE FUNCTION parts_to_find(search text) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN length(term) < 3 THEN array[term]
    ELSE array(SELECT substr(term, place, 3)
      FROM generate_series(1, length(term) - 2, greatest(1, (length(term) - 2) / 6)) AS place) END
  FROM lower(search) AS term
$$;
