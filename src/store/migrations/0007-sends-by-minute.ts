import type { Migration } from "./migration.ts";

const ADD_NEW = `insert into sends_by_minute (mailbox, minute, number) values (new.mailbox, new.at / 60000, 1)
      on conflict (mailbox, minute) do update set number = sends_by_minute.number + 1`;

const TAKE_OLD = `update sends_by_minute set number = number - 1 where mailbox = old.mailbox and minute = old.at / 60000`;

export const sendsByMinute: Migration = {
  number: 7,
  name: "sends-by-minute",
  // Every mail counts its mailbox's last day, several times: by the minute that is 1,440 rows at most. Kept by the database,
  // so that older code, which may still run beside this, counts too.
  statements: [
    `create table sends_by_minute (
      mailbox text not null,
      minute integer not null,
      number integer not null,
      primary key (mailbox, minute)
    ) strict, without rowid`,
    `create trigger sends_counted after insert on sends begin ${ADD_NEW}; end`,
    `create trigger sends_counted_again after update on sends
      when new.mailbox <> old.mailbox or new.at / 60000 <> old.at / 60000
      begin ${TAKE_OLD}; ${ADD_NEW}; end`,
    `create trigger sends_uncounted after delete on sends begin ${TAKE_OLD}; end`,
    // Last: for the triggers PostgreSQL has waited for whoever was writing, and lets nobody write until this is over.
    `insert into sends_by_minute (mailbox, minute, number)
      select mailbox, at / 60000, count(*) from sends group by mailbox, at / 60000`,
  ],
};
