/**
 * Appends a batch, in its order; all messages of a thread must be next to each other, and threads in one order everywhere: each is locked
 * until the end of the statement. Answers with a row for each: the offset, negative for a known id, null where the target is not held.
 */
export const APPEND_FUNCTION = `
CREATE FUNCTION ~.append(a_now bigint, a_messages json, a_bodies bytea)
RETURNS TABLE (epoch text, pos bigint, at bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  m record;
  t ~.threads;
  v_thread text;
  v_now bigint := coalesce(a_now, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
  v_head bigint;
  v_head_id text;
  v_at bigint;
  v_pos bigint;
  v_target bigint;
  v_body bytea;
  v_from int := 1;
BEGIN
  FOR m IN SELECT * FROM json_to_recordset(a_messages) AS r(
    thread text, id text, header text, kind text, key text, target text, ttl bigint,
    inline int, size int, pieces text, kept bigint, age bigint, epoch text
  ) LOOP
    IF m.thread IS DISTINCT FROM v_thread THEN
      IF v_head > t.head THEN
        UPDATE ~.threads SET head = v_head, head_id = v_head_id, head_at = v_at WHERE log = t.log;
      END IF;
      SELECT * INTO t FROM ~.threads WHERE thread = m.thread FOR UPDATE;
      IF NOT FOUND THEN
        INSERT INTO ~.threads (thread, epoch) VALUES (m.thread, m.epoch) ON CONFLICT DO NOTHING;
        SELECT * INTO t FROM ~.threads WHERE thread = m.thread FOR UPDATE;
      END IF;
      v_thread := m.thread;
      v_head := t.head;
      v_head_id := t.head_id;
      v_at := greatest(v_now, t.head_at);
    END IF;
    v_body := substring(a_bodies FROM v_from FOR m.inline);
    v_from := v_from + m.inline;
    epoch := t.epoch;
    at := v_at;

    SELECT entries.pos INTO v_pos FROM ~.entries WHERE log = t.log AND id = m.id;
    IF FOUND THEN
      pos := -v_pos;
      RETURN NEXT;
      CONTINUE;
    END IF;

    IF m.target IS NOT NULL THEN
      SELECT entries.pos INTO v_target FROM ~.entries
        WHERE log = t.log AND id = m.target AND kind = 'm' AND live
          AND (m.kept IS NULL OR entries.pos > v_head - m.kept) AND (m.age IS NULL OR entries.at > v_now - m.age);
      IF NOT FOUND THEN
        pos := NULL;
        RETURN NEXT;
        CONTINUE;
      END IF;
      -- the edit before this one, whose bytes the message has as well
      WITH gone AS (
        UPDATE ~.entries e SET live = false, body = NULL, pieces = NULL, size = 0, header = '{}'
        FROM (SELECT f.pos, f.pieces FROM ~.entries f
              WHERE f.log = t.log AND f.target = m.target AND f.live AND f.target IS NOT NULL) old
        WHERE e.log = t.log AND e.pos = old.pos RETURNING old.pieces
      ) DELETE FROM ~.pieces WHERE name IN (SELECT pieces FROM gone WHERE pieces IS NOT NULL);
      DELETE FROM ~.pieces WHERE name = (
        SELECT pieces FROM ~.entries WHERE log = t.log AND entries.pos = v_target AND NOT edited);
      UPDATE ~.entries SET
        live = (m.kind = 'r'), edited = true,
        body = CASE WHEN m.kind = 'r' AND m.pieces IS NULL THEN v_body END,
        pieces = CASE WHEN m.kind = 'r' THEN m.pieces END,
        size = CASE WHEN m.kind = 'r' THEN m.size ELSE 0 END
        WHERE log = t.log AND entries.pos = v_target;
    END IF;

    IF m.key IS NOT NULL THEN
      WITH gone AS (
        UPDATE ~.entries e SET live = false, body = NULL, pieces = NULL, size = 0
        FROM (SELECT f.pos, f.pieces FROM ~.entries f
              WHERE f.log = t.log AND f.key = m.key AND f.live AND f.key IS NOT NULL) old
        WHERE e.log = t.log AND e.pos = old.pos RETURNING old.pieces
      ) DELETE FROM ~.pieces WHERE name IN (SELECT pieces FROM gone WHERE pieces IS NOT NULL);
    END IF;

    v_head := v_head + 1;
    v_head_id := m.id;
    INSERT INTO ~.entries (log, pos, id, at, kind, live, header, size, body, pieces, key, target, expires) VALUES (
      t.log, v_head, m.id, v_at, m.kind::"char", true, m.header, m.size,
      CASE WHEN m.pieces IS NULL THEN v_body END, m.pieces, m.key, m.target, v_at + m.ttl);
    IF m.pieces IS NOT NULL THEN
      DELETE FROM ~.uploads WHERE name = m.pieces;
      -- a replica that has become the primary may lack the last pieces
      IF NOT FOUND OR m.size IS DISTINCT FROM (SELECT sum(octet_length(data)) FROM ~.pieces WHERE name = m.pieces) THEN
        RAISE EXCEPTION 'upload % is gone', m.pieces USING ERRCODE = 'TC001';
      END IF;
    END IF;
    pos := v_head;
    RETURN NEXT;
  END LOOP;
  IF v_head > t.head THEN
    UPDATE ~.threads SET head = v_head, head_id = v_head_id, head_at = v_at WHERE log = t.log;
  END IF;
END
$$;
`;
