-- Both ends of a call as Session-ID names them (RFC 7989): `UUID;remote=UUID`. An operator who has one of a carrier looks a call up by it.

alter table calls add column sip_session_id text collate "C";
create index calls_session_local on calls (left(sip_session_id, 32), id desc);
create index calls_session_remote on calls (right(sip_session_id, 32), id desc);
