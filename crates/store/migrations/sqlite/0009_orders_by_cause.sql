-- An order to renew has its number for an identity. One effect of an incident orders an endpoint
-- once; a person may order as often as there is reason to.
CREATE TABLE renew_order_next (
    number    INTEGER NOT NULL PRIMARY KEY,
    endpoint  TEXT    NOT NULL REFERENCES endpoint (name),
    authority TEXT    NOT NULL REFERENCES authority (id),
    incident  TEXT,
    effect    TEXT,
    at        INTEGER NOT NULL,
    UNIQUE (endpoint, effect),
    CHECK ((incident IS NULL) = (effect IS NULL))
) STRICT;
INSERT INTO renew_order_next (number, endpoint, authority, incident, effect, at)
    SELECT number, endpoint, authority, incident, incident || '/transition/' || authority, at
    FROM renew_order;
DROP TABLE renew_order;
ALTER TABLE renew_order_next RENAME TO renew_order;
CREATE INDEX renew_order_by_endpoint ON renew_order (endpoint, number);
CREATE INDEX renew_order_by_authority ON renew_order (authority, number);
