import { Client, Connection } from "@temporalio/client";
import { expect, it } from "vitest";
import { wake } from "../../src/gate/submit.ts";
import { newId } from "../store/samples.ts";

it("X-27 whoever turns the kill switch has the answer in seconds, however many drafts there are and though Temporal is gone", async () => {
  const connection = Connection.lazy({ address: "127.0.0.1:1", connectTimeout: "30 seconds" });
  let faults = 0;
  const begun = performance.now();
  await wake(
    { client: new Client({ connection }), onFault: () => (faults += 1) },
    Array.from({ length: 1_000 }, () => newId("drf")),
  );
  expect(performance.now() - begun).toBeLessThan(20_000);
  expect(faults).toBeGreaterThan(0);
}, 60_000);
