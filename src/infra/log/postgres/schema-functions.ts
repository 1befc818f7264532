/** Everything else that takes more than one statement. */
export const OTHER_FUNCTIONS = `
-- gives a thread an empty log, and answers with the one that it had
CREATE FUNCTION ~.erase(a_thread text, a_epoch text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_log bigint;
BEGIN
  -- what was committed before and has no offset yet; who takes it has its first row locked
  PERFORM 1 FROM ~.outbox WHERE thread = a_thread ORDER BY turn LIMIT 1 FOR UPDATE;
  DELETE FROM ~.outbox WHERE thread = a_thread;
  INSERT INTO ~.threads (thread, epoch) VALUES (a_thread, a_epoch) ON CONFLICT DO NOTHING;
  SELECT log INTO v_log FROM ~.threads WHERE thread = a_thread FOR UPDATE;
  INSERT INTO ~.erased VALUES (v_log);
  UPDATE ~.threads SET log = nextval('~.logs'), epoch = a_epoch, head = 0, head_id = '', head_at = 0
    WHERE thread = a_thread;
  DELETE FROM ~.answers WHERE thread = a_thread;
  PERFORM ~.erase_values(a_thread);
  RETURN v_log;
END
$$;

-- deletes some rows of an erased log; false when none is left
CREATE FUNCTION ~.clear(a_log bigint, a_most int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_count int;
BEGIN
  WITH gone AS (
    DELETE FROM ~.entries WHERE log = a_log AND pos IN (
      SELECT pos FROM ~.entries WHERE log = a_log ORDER BY pos LIMIT a_most) RETURNING pieces
  ), bytes AS (
    DELETE FROM ~.pieces WHERE name IN (SELECT pieces FROM gone WHERE pieces IS NOT NULL)
  ) SELECT count(*) INTO v_count FROM gone;
  IF v_count = 0 THEN DELETE FROM ~.erased WHERE log = a_log; END IF;
  RETURN v_count > 0;
END
$$;

-- deletes threads that no client reads again, with all that is of them
CREATE FUNCTION ~.forget(a_threads text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ~.outbox WHERE thread = ANY (a_threads);
  WITH gone AS (
    DELETE FROM ~.threads WHERE thread = ANY (a_threads) RETURNING log
  ), rows AS (
    DELETE FROM ~.entries e USING gone WHERE e.log = gone.log RETURNING e.pieces
  ) DELETE FROM ~.pieces WHERE name IN (SELECT pieces FROM rows WHERE pieces IS NOT NULL);
  DELETE FROM ~.answers WHERE thread = ANY (a_threads);
  DELETE FROM ~.values WHERE thread = ANY (a_threads);
  DELETE FROM ~.value_changes WHERE thread = ANY (a_threads);
  DELETE FROM ~.value_threads WHERE thread = ANY (a_threads);
END
$$;

-- a node reports, and reads who else is alive
CREATE FUNCTION ~.beat(a_now bigint, a_node text, a_known bigint)
RETURNS TABLE (now bigint, before bigint, nodes json) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := coalesce(a_now, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
BEGIN
  SELECT n.at INTO before FROM ~.nodes n WHERE n.node = a_node;
  INSERT INTO ~.nodes AS n (node, at) VALUES (a_node, v_now) ON CONFLICT (node) DO UPDATE SET at = excluded.at;
  DELETE FROM ~.nodes n WHERE n.node IN (
    SELECT o.node FROM ~.nodes o WHERE o.at < v_now - a_known FOR UPDATE SKIP LOCKED);
  now := v_now;
  SELECT json_object_agg(n.node, n.at) INTO nodes FROM ~.nodes n;
  RETURN NEXT;
END
$$;

-- '': claimed; N and a node: it is at work; A and the answer
CREATE FUNCTION ~.claim(a_now bigint, a_kept bigint, a_thread text, a_key text, a_node text, a_dead text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := coalesce(a_now, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
  v_row ~.answers;
BEGIN
  DELETE FROM ~.answers WHERE (thread, key) IN (
    SELECT thread, key FROM ~.answers WHERE at <= v_now - a_kept ORDER BY at LIMIT 64 FOR UPDATE SKIP LOCKED);
  INSERT INTO ~.answers AS a (thread, key, node, at) VALUES (a_thread, a_key, a_node, v_now)
    ON CONFLICT (thread, key) DO UPDATE SET node = excluded.node, answer = NULL, at = excluded.at
    WHERE a.at <= v_now - a_kept OR (a.answer IS NULL AND a.node IN (a_node, a_dead));
  IF FOUND THEN RETURN ''; END IF;
  SELECT * INTO v_row FROM ~.answers WHERE thread = a_thread AND key = a_key;
  IF NOT FOUND THEN RETURN 'N'; END IF;
  RETURN CASE WHEN v_row.answer IS NULL THEN 'N' || v_row.node ELSE 'A' || v_row.answer END;
END
$$;

CREATE FUNCTION ~.answer(a_now bigint, a_thread text, a_key text, a_node text, a_answer text)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO ~.answers AS a (thread, key, node, answer, at)
    VALUES (a_thread, a_key, a_node, a_answer, coalesce(a_now, (extract(epoch FROM clock_timestamp()) * 1000)::bigint))
    ON CONFLICT (thread, key) DO UPDATE SET answer = excluded.answer, at = excluded.at WHERE a.answer IS NULL;
$$;
`;
