import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processDeps } from "../../src/cli/process.ts";
import { accessKey, serviceUrl, smtpEndpoint } from "../../src/cli/settings.ts";

const { files } = processDeps();
const LOCAL = "http://127.0.0.1:8025";

describe("where the service is", () => {
  it.each([
    [{}, "http://127.0.0.1:8025"],
    [{ POSTERN_HTTP: "127.0.0.1:9000" }, "http://127.0.0.1:9000"],
    [{ POSTERN_HTTP: "0.0.0.0:9000", POSTERN_PUBLIC_URL: "https://mail.example.com" }, "http://127.0.0.1:9000"],
    [{ POSTERN_HTTP: "[::]:9000" }, "http://[::1]:9000"],
    [{ POSTERN_PUBLIC_URL: "https://mail.example.com/postern/" }, "https://mail.example.com/postern"],
    [{ POSTERN_URL: "https://other.example/", POSTERN_HTTP: "127.0.0.1:9000" }, "https://other.example"],
    [{ POSTERN_URL: "", POSTERN_HTTP: "" }, "http://127.0.0.1:8025"],
  ])("%j is %s", (env, url) => {
    expect(serviceUrl(env)).toBe(url);
  });

  it.each([{ POSTERN_URL: "mail.example" }, { POSTERN_URL: "file:///etc/passwd" }, { POSTERN_HTTP: "9000" }])(
    "%j is refused with the way out",
    (env) => {
      expect(() => serviceUrl(env)).toThrow(
        expect.objectContaining({ code: "invalid_config", fix: expect.stringMatching(/\w/) as string }),
      );
    },
  );

  it("mail goes to POSTERN_SMTP, to this host where the service listens everywhere", () => {
    expect(smtpEndpoint({})).toEqual({ host: "127.0.0.1", port: 2525 });
    expect(smtpEndpoint({ POSTERN_SMTP: "0.0.0.0:25" })).toEqual({ host: "127.0.0.1", port: 25 });
    expect(smtpEndpoint({ POSTERN_SMTP: "[2001:db8::1]:25" })).toEqual({ host: "2001:db8::1", port: 25 });
  });
});

describe("which key is used", () => {
  let data: string;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "postern-cli-"));
    await writeFile(join(data, "admin.key"), "pst_live_of_the_file\n");
  });
  afterAll(() => rm(data, { recursive: true }));

  it("POSTERN_KEY, then POSTERN_ADMIN_KEY, then the file of the data directory", async () => {
    const env = { POSTERN_DATA: data, POSTERN_ADMIN_KEY: "pst_live_admin", POSTERN_KEY: "pst_live_own" };
    expect(await accessKey(env, files, LOCAL)).toBe("pst_live_own");
    await expect(accessKey({ ...env, POSTERN_KEY: "" }, files, LOCAL)).rejects.toMatchObject({ code: "unauthorized" });
    expect(await accessKey({ POSTERN_DATA: data, POSTERN_ADMIN_KEY: "pst_live_admin" }, files, LOCAL)).toBe("pst_live_admin");
    expect(await accessKey({ POSTERN_DATA: data }, files, LOCAL)).toBe("pst_live_of_the_file");
  });

  it("the operator's key of this machine is never sent to another host", async () => {
    for (const url of ["https://mail.example.com", "http://127.0.0.1.evil.example", "http://10.0.0.1:8025"]) {
      await expect(accessKey({ POSTERN_DATA: data }, files, url)).rejects.toMatchObject({ code: "unauthorized" });
      await expect(accessKey({ POSTERN_ADMIN_KEY: "pst_live_admin" }, files, url)).rejects.toMatchObject({ code: "unauthorized" });
      expect(await accessKey({ POSTERN_KEY: "pst_live_theirs" }, files, url)).toBe("pst_live_theirs");
    }
  });

  it("no key, or one that no header could carry, is refused before anything is sent", async () => {
    await expect(accessKey({ POSTERN_DATA: "/nowhere" }, files, LOCAL)).rejects.toMatchObject({
      code: "unauthorized",
      message: /cannot be read/,
    });
    await expect(accessKey({ POSTERN_KEY: "two words" }, files, LOCAL)).rejects.toMatchObject({ code: "unauthorized" });
  });
});
