/** Changes of values. Each change of a thread has a number, is published in that order, and is made once however often it is repeated. */
export const VALUE_FUNCTIONS = `
-- locks the values of a thread; -1: this change of the node was made before, else the number of the last change
CREATE FUNCTION ~.begin_values(a_now bigint, a_node text, a_number bigint, a_thread text, a_epoch text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_revision bigint;
BEGIN
  INSERT INTO ~.value_threads (thread, epoch) VALUES (a_thread, a_epoch) ON CONFLICT DO NOTHING;
  SELECT revision INTO v_revision FROM ~.value_threads WHERE thread = a_thread FOR UPDATE;
  PERFORM 1 FROM ~.value_changes WHERE thread = a_thread AND node = a_node AND number >= a_number;
  IF FOUND THEN RETURN -1; END IF;
  INSERT INTO ~.value_changes AS c (thread, node, number, at) VALUES (a_thread, a_node, a_number, a_now)
    ON CONFLICT (thread, node) DO UPDATE SET number = excluded.number, at = excluded.at;
  DELETE FROM ~.values WHERE thread = a_thread AND until <= a_now;
  RETURN v_revision;
END
$$;

-- without the value where that would be too long: the nodes read it
CREATE FUNCTION ~.tell_value(a_thread text, a_epoch text, a_revision bigint, a_key text, a_json text, a_owner text, a_ttl bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_news text := json_build_object('t', a_thread, 'e', a_epoch, 'r', a_revision, 'k', a_key, 'j', a_json, 'o', a_owner, 'x', a_ttl);
BEGIN
  IF octet_length(v_news) > 7600 THEN v_news := json_build_object('t', a_thread, 'e', a_epoch, 'r', a_revision); END IF;
  PERFORM pg_notify('threadcast_~', 'V' || v_news || E'\\n');
END
$$;

CREATE FUNCTION ~.set_value(
  a_now bigint, a_node text, a_number bigint, a_thread text, a_epoch text,
  a_hash text, a_key text, a_json text, a_owner text, a_ttl bigint, a_size int, a_keys bigint, a_bytes bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := coalesce(a_now, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
  v_revision bigint := ~.begin_values(v_now, a_node, a_number, a_thread, a_epoch);
  v_epoch text;
  v_keys bigint;
  v_bytes bigint;
  v_old int;
BEGIN
  IF v_revision < 0 THEN RETURN 'known'; END IF;
  SELECT count(*), coalesce(sum(size), 0) INTO v_keys, v_bytes FROM ~.values WHERE thread = a_thread;
  SELECT size INTO v_old FROM ~.values WHERE thread = a_thread AND hash = a_hash;
  IF v_old IS NULL AND v_keys >= a_keys THEN RETURN 'keys'; END IF;
  IF a_size > coalesce(v_old, 0) AND v_bytes - coalesce(v_old, 0) + a_size > a_bytes THEN RETURN 'bytes'; END IF;
  INSERT INTO ~.values AS v (thread, hash, key, json, owner, until, size)
    VALUES (a_thread, a_hash, a_key, a_json, a_owner, v_now + a_ttl, a_size)
    ON CONFLICT (thread, hash) DO UPDATE
    SET json = excluded.json, owner = excluded.owner, until = excluded.until, size = excluded.size;
  UPDATE ~.value_threads SET revision = v_revision + 1 WHERE thread = a_thread RETURNING epoch INTO v_epoch;
  PERFORM ~.tell_value(a_thread, v_epoch, v_revision + 1, a_key, a_json, a_owner, a_ttl);
  -- what a connection owns goes with it: it need not outlive a crash of the server
  IF a_owner IS NOT NULL THEN PERFORM set_config('synchronous_commit', 'off', true); END IF;
  RETURN 'set';
END
$$;

-- how many were there; hashes null for all that the owner has
CREATE FUNCTION ~.drop_values(
  a_now bigint, a_node text, a_number bigint, a_thread text, a_epoch text, a_owner text, a_hashes text[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := coalesce(a_now, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
  v_revision bigint := ~.begin_values(v_now, a_node, a_number, a_thread, a_epoch);
  v_epoch text;
  v_count int := 0;
  v_key text;
BEGIN
  IF v_revision < 0 THEN RETURN 1; END IF;
  SELECT epoch INTO v_epoch FROM ~.value_threads WHERE thread = a_thread;
  FOR v_key IN DELETE FROM ~.values WHERE thread = a_thread AND (a_hashes IS NULL OR hash = ANY (a_hashes))
    AND (a_owner IS NULL OR owner = a_owner) RETURNING key
  LOOP
    v_count := v_count + 1;
    PERFORM ~.tell_value(a_thread, v_epoch, v_revision + v_count, v_key, NULL, NULL, NULL);
  END LOOP;
  UPDATE ~.value_threads SET revision = v_revision + v_count WHERE thread = a_thread;
  RETURN v_count;
END
$$;

CREATE FUNCTION ~.erase_values(a_thread text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM ~.value_threads WHERE thread = a_thread FOR UPDATE;
  DELETE FROM ~.values WHERE thread = a_thread;
  DELETE FROM ~.value_changes WHERE thread = a_thread;
  DELETE FROM ~.value_threads WHERE thread = a_thread;
END
$$;
`;
