-- What is in a Redmine of the size its settings name, after its own migrations and default data.
INSERT INTO settings (name, value, updated_on) VALUES ('rest_api_enabled', '1', now()), ('notified_events', E'--- []\n', now());
INSERT INTO projects (id, name, identifier, status, lft, rgt, is_public, created_on, updated_on)
VALUES (1, 'bench', 'bench', 1, 1, 2, false, now(), now());
INSERT INTO enabled_modules (project_id, name) VALUES (1, 'issue_tracking');
INSERT INTO projects_trackers (project_id, tracker_id) VALUES (1, 1);

-- Who asks: not the administrator, but a manager (3) of the project.
INSERT INTO users (id, login, firstname, lastname, status, language, type, mail_notification, created_on, updated_on)
VALUES (10, 'bench', 'Li', 'Ming', 1, 'en', 'User', 'none', now(), now());
INSERT INTO tokens (user_id, action, value, created_on) VALUES (10, 'api', current_setting('bench.key'), now());
INSERT INTO members (id, user_id, project_id, created_on) VALUES (1, 10, 1, now());
INSERT INTO member_roles (member_id, role_id) VALUES (1, 3);

-- The last ones are new (1) and wait for the change of state that is measured; 24 of 100 others are in the state of the list (4).
INSERT INTO issues (id, tracker_id, project_id, subject, description, due_date, status_id, priority_id, author_id,
  root_id, lft, rgt, created_on, updated_on, closed_on)
SELECT n, 1, 1, current_setting('bench.title') || n, current_setting('bench.description'), date '2026-01-01' + n % 400, status,
  2, 10, n, 1, 2, now() - interval '60 days', now(), CASE WHEN status = 5 THEN now() END
FROM generate_series(1, current_setting('bench.items')::int) AS n,
LATERAL (SELECT CASE WHEN n > current_setting('bench.items')::int - current_setting('bench.waiting')::int THEN 1
  WHEN n % 25 < 6 THEN 4 ELSE (ARRAY[1, 2, 3, 5])[1 + n % 4] END) AS made(status);

INSERT INTO journals (id, journalized_id, journalized_type, user_id, notes, created_on)
SELECT (n - 1) * c + k, n, 'Issue', 10, current_setting('bench.goal'), now() - (c - k) * interval '9 days'
FROM generate_series(1, current_setting('bench.items')::int) AS n, CAST(current_setting('bench.changes') AS int) AS c,
  generate_series(1, c) AS k;

INSERT INTO journal_details (journal_id, property, prop_key, old_value, value)
SELECT (n - 1) * c + k, 'attr', 'done_ratio', 10 * (k - 1), 10 * k
FROM generate_series(1, current_setting('bench.items')::int) AS n, CAST(current_setting('bench.changes') AS int) AS c,
  generate_series(1, c) AS k;

SELECT setval('issues_id_seq', max(id)) FROM issues;
SELECT setval('journals_id_seq', max(id)) FROM journals;
