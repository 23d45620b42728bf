-- What is in a Request Tracker of the size its settings name, after its own set-up: rows as its REST interface leaves them.
CREATE TEMP TABLE ticket AS
SELECT n, (SELECT id FROM users WHERE name = 'bench') AS maker, now()::timestamp AS at
FROM generate_series(1, current_setting('bench.items')::int) AS n;

-- Every ticket has a group for each role; a group's id is its principal's, beyond those of the set-up.
CREATE TEMP TABLE role_group AS
SELECT n, maker, at, 1000 + 4 * (n - 1) + k AS id, k, role
FROM ticket, unnest(ARRAY['AdminCc', 'Cc', 'Owner', 'Requestor']) WITH ORDINALITY AS r(role, k);

-- The last ones are new and wait for the change of state that is measured; 24 of 100 others are in the state of the list.
INSERT INTO tickets (id, effectiveid, queue, type, owner, subject, status, due, starts, started, resolved,
  lastupdatedby, lastupdated, creator, created)
SELECT n, n, 1, 'ticket', 6, current_setting('bench.title') || n,
  CASE WHEN n > current_setting('bench.items')::int - current_setting('bench.waiting')::int THEN 'new'
    WHEN n % 25 < 6 THEN 'stalled' ELSE (ARRAY['new', 'open', 'resolved', 'rejected'])[1 + n % 4] END,
  timestamp '2026-01-01' + n % 400 * interval '1 day', 'epoch', 'epoch', 'epoch', maker, at, maker, at
FROM ticket;

INSERT INTO principals (id, principaltype) SELECT id, 'Group' FROM role_group;
INSERT INTO groups (id, name, domain, instance, creator, created, lastupdatedby, lastupdated)
SELECT id, role, 'RT::Ticket-Role', n, maker, at, maker, at FROM role_group;
INSERT INTO groupmembers (groupid, memberid, creator, created, lastupdatedby, lastupdated)
SELECT id, 6, maker, at, maker, at FROM role_group WHERE role = 'Owner';
INSERT INTO cachedgroupmembers (id, groupid, memberid, via, immediateparentid)
SELECT 1000 + 5 * (n - 1) + k, id, id, 1000 + 5 * (n - 1) + k, id FROM role_group
UNION ALL SELECT 1000 + 5 * n, id, 6, 1000 + 5 * n, id FROM role_group WHERE role = 'Owner';

INSERT INTO transactions (objecttype, objectid, type, creator, created)
SELECT 'RT::Group', id, 'Create', maker, at FROM role_group;
INSERT INTO transactions (id, objecttype, objectid, type, field, oldvalue, newvalue, creator, created)
SELECT 10000000 + (n - 1) * c + k, 'RT::Ticket', n, CASE k WHEN 1 THEN 'Create' ELSE 'Set' END,
  CASE WHEN k > 1 THEN 'Priority' END, k - 1, k, maker, at - (c - k) * interval '9 days'
FROM ticket, CAST(current_setting('bench.changes') AS int) AS c, generate_series(1, c) AS k;
INSERT INTO attachments (transactionid, parent, contenttype, contentencoding, content, headers, creator, created)
SELECT 10000001 + (n - 1) * current_setting('bench.changes')::int, 0, 'text/plain', 'none', current_setting('bench.description'),
  E'Content-Type: text/plain; charset="utf-8"\n', maker, at FROM ticket;

SELECT setval('tickets_id_seq', max(id)) FROM tickets;
SELECT setval('transactions_id_seq', max(id)) FROM transactions;
SELECT setval('principals_id_seq', max(id)) FROM principals;
SELECT setval('cachedgroupmembers_id_seq', max(id)) FROM cachedgroupmembers;
