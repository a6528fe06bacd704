-- What one request tells of one millisecond keeps its order: `nth` is the event's place in the request, from 0 on. Visits are
-- made of events in the order of (at, received, nth, id).
alter table events add column if not exists nth UInt16;
