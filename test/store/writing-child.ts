import { writeSync } from "node:fs";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { addTenant, proposalOf } from "./samples.ts";

// Decides message after message, twenty at a time, and says which are acknowledged, until it is killed.
const store = await createSqliteStore({ path: process.argv[2]! });
const place = await addTenant(store, "acme.example");
writeSync(1, `tenant ${place.tenant}\n`);

async function write(): Promise<never> {
  for (;;) {
    const { message } = await store.run("inbound.decide", proposalOf(place));
    writeSync(1, `${message}\n`);
  }
}
await Promise.all(Array.from({ length: 20 }, write));
