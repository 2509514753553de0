import { afterAll, beforeAll, expect, it } from "vitest";
import { MODES, type Mode } from "../../src/model/outbound.ts";
import { ADMIN_KEY } from "../support/instance.ts";
import { OutboundWorld } from "./world.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());

let made = 0;

async function make(more: object = {}): Promise<{ readonly status: number; readonly id: string; readonly oversight_mode: string }> {
  const body = {
    address_local_part: `modes-${(made += 1)}`,
    domain: "acme.example",
    agent_id: "assistant",
    oversight_address: "eye@acme.example",
    ...more,
  };
  const answer = await world.request("POST", "/v1/mailboxes", body);
  return { status: answer.status, ...((await answer.json()) as { id: string; oversight_mode: string }) };
}

async function turn(id: string, oversight_mode: string, mode_code?: string, key = ADMIN_KEY): Promise<readonly [number, string]> {
  const body = { oversight_mode, ...(mode_code === undefined ? {} : { mode_code }) };
  const answer = await world.request("PATCH", `/v1/mailboxes/${id}`, body, key);
  const { code, oversight_mode: now } = (await answer.json()) as { code?: string; oversight_mode?: string };
  return [answer.status, code ?? now ?? ""];
}

async function codeFor(id: string, oversight_mode: Mode): Promise<string> {
  return (await world.postern.http.send<{ mode_code: string }>("POST", `/v1/mailboxes/${id}/mode-code`, { oversight_mode })).mode_code;
}

it("MM-01 MM-07 a new mailbox is `gated_send`, goes to every mode there is, and to no other", async () => {
  const { status, id, oversight_mode } = await make();
  expect([status, oversight_mode]).toEqual([201, "gated_send"]);
  for (const mode of MODES) expect(await turn(id, mode, await codeFor(id, mode))).toEqual([200, mode]);
  expect(await turn(id, "free")).toEqual([422, "invalid_request"]);
  expect((await make({ oversight_mode: "free" })).status).toBe(422);
  expect((await make({ oversight_mode: "read_only" })).oversight_mode).toBe("read_only");
});

it("MM-28 down is free; up takes an operator's code, once, for this mailbox and this mode", async () => {
  const [{ id }, other] = [await make(), await make()];
  const refused = [403, "mode_code_required"];
  expect(await turn(id, "autonomous")).toEqual(refused);
  const code = await codeFor(id, "autonomous");
  expect(await turn(other.id, "autonomous", code)).toEqual(refused);
  expect(await turn(id, "monitored", code)).toEqual(refused);
  expect(await turn(id, "autonomous", code.toUpperCase())).toEqual([200, "autonomous"]);
  expect(await turn(id, "read_only")).toEqual([200, "read_only"]);
  expect(await turn(id, "autonomous", code)).toEqual(refused);
});

it("MM-28 no key of an agent or of an overseer raises a mode, nor makes a code", async () => {
  const { id } = await make();
  const code = await codeFor(id, "autonomous");
  for (const scopes of [["read", "send"], ["oversight"]]) {
    const { key } = await world.person(scopes);
    expect(await turn(id, "autonomous", code, key)).toEqual([403, "forbidden"]);
    expect((await world.request("POST", `/v1/mailboxes/${id}/mode-code`, { oversight_mode: "autonomous" }, key)).status).toBe(403);
  }
  const { key } = await world.person(["admin"]);
  expect((await world.request("POST", `/v1/mailboxes/${id}/mode-code`, { oversight_mode: "autonomous" }, key)).status).toBe(403);
  expect(await turn(id, "autonomous", undefined, key)).toEqual([403, "mode_code_required"]);
});

it("MM-05 `monitored` needs somebody who gets the copies; mode and address change together or not at all", async () => {
  const refused = await make({ oversight_mode: "monitored", oversight_address: undefined });
  expect(refused.status).toBe(422);
  const { id } = await make({ oversight_address: undefined });
  const patch = async (change: object): Promise<readonly unknown[]> => {
    const answer = await world.patch(id, change);
    const { code, fix, oversight_mode, oversight_address } = (await answer.json()) as Record<string, unknown>;
    return [answer.status, code ?? [oversight_mode, oversight_address], ...(fix === undefined ? [] : [fix])];
  };
  const mode_code = await codeFor(id, "monitored");
  const monitored = { oversight_mode: "monitored", mode_code };
  expect(await patch(monitored)).toEqual([422, "invalid_request", expect.stringContaining("oversight_address")]);
  // Refused for its code: the address stays as it was.
  const wrong = { ...monitored, mode_code: "4k7m9p2r-t5w8y1a3", oversight_address: "eye@acme.example" };
  expect(await patch(wrong)).toEqual([403, "mode_code_required", expect.any(String)]);
  expect(await patch({ oversight_mode: "gated_send" })).toEqual([200, ["gated_send", null]]);
  expect(await patch({ ...monitored, oversight_address: "eye@acme.example" })).toEqual([200, ["monitored", "eye@acme.example"]]);
  expect((await patch({ oversight_address: null })).slice(0, 2)).toEqual([422, "invalid_request"]);
  expect(await patch({ oversight_mode: "gated_send", oversight_address: null })).toEqual([200, ["gated_send", null]]);
  expect((await make({ oversight_mode: "monitored" })).status).toBe(201);
});
