import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Team } from "./team.ts";

let team: Team;
beforeAll(async () => {
  team = await Team.start();
});
afterAll(() => team.close());

describe("X-35 an agent's workflow gets its mail", () => {
  it("MB-15 reads it by our activity: sender, subject, capabilities, a grant", async () => {
    const { address } = await team.agent("readingAgent");
    await team.mail(address, { subject: "Lunch on Friday?" });
    await expect.poll(() => team.notes, { timeout: 20_000 }).toContain("someone@acme.example: Lunch on Friday?");
  });
});
