import { inspect } from "node:util";
import { pino } from "pino";
import { expect, it } from "vitest";
import { PosternError } from "../../src/model/errors.ts";

it("X-22 printed, an error shows what it says and nothing that is empty", () => {
  const error = new PosternError("unavailable", "the service cannot be reached", { temporary: true, fix: "start it" });
  const printed = inspect(error);
  expect(printed).toMatch(/^PosternError: the service cannot be reached\n/);
  expect(printed.slice(printed.lastIndexOf("{"))).toBe("{\n  code: 'unavailable',\n  temporary: true,\n  fix: 'start it'\n}");
  expect({ ...error }).toEqual({ name: "PosternError", code: "unavailable", temporary: true, fix: "start it" });
});

it("a log has of it what there is", () => {
  const lines: string[] = [];
  const problems = [{ path: "senders[0]", message: "must be an object" }];
  const err = new PosternError("invalid_policy", "the policy is not valid", { problems });
  pino({ base: null }, { write: (line: string) => void lines.push(line) }).error({ err }, "refused");
  const { stack: _, ...said } = (JSON.parse(lines[0]!) as { err: Record<string, unknown> }).err;
  expect(said).toEqual({
    ...{
      type: "PosternError",
      name: "PosternError",
      message: "the policy is not valid",
      code: "invalid_policy",
      temporary: false,
      problems,
    },
  });
});

it("what is empty is still there for whoever asks", () => {
  const error = new PosternError("internal", "broken");
  expect(error).toMatchObject({ problems: [], members: {}, headers: {}, fix: undefined, retryAfter: undefined });
});
