import { describe, expect, it } from "vitest";
import { formatDatabase, parseDatabaseUrl } from "../../../src/store/postgres/target.ts";

const SECRET = "s3cret/with%";

describe("POSTERN_DATABASE_URL", () => {
  it.each([
    ["postgres://postern@db.example/postern", { host: "db.example", port: 5432, user: "postern", password: undefined, sslmode: "disable" }],
    [
      "postgresql://a%40b:s3cret%2Fwith%25@[::1]:6432/my%20mail",
      { host: "::1", port: 6432, user: "a@b", password: SECRET, database: "my mail" },
    ],
    [
      "postgres:///postern?host=/run/postgresql&user=postern",
      { host: "/run/postgresql", port: 5432, user: "postern", database: "postern" },
    ],
    ["postgres://u@h/d?sslmode=verify-full&sslrootcert=/etc/ca.pem", { sslmode: "verify-full", sslrootcert: "/etc/ca.pem" }],
  ])("reads %s, and shows all of it but the password", (text, target) => {
    const read = parseDatabaseUrl(text);
    expect(read).toMatchObject(target);
    const shown = formatDatabase(read);
    expect(shown).not.toContain("s3cret");
    expect(parseDatabaseUrl(shown)).toEqual({ ...read, password: undefined });
  });

  it.each([
    ["mysql://u:s3cret@h/d", "is not a postgres URL"],
    ["postgres://u:s3cret@h", "names no database"],
    ["postgres://u:s3cret@h/", "names no database"],
    ["postgres://:s3cret@h/d", "names no user"],
    ["postgres:///d?user=u", "names no host"],
    ["postgres://u:s3cret@h/d?host=/run/postgresql", "names no host, or two"],
    ["postgres:///d?host=h&user=u", "names no host"],
    ["postgres://u:s3cret@h/d?sslmode=prefer", "has an sslmode other than"],
    ["postgres://u:s3cret@h/d?sslmode=require&sslrootcert=/ca.pem", "has an sslrootcert"],
    ["postgres://u:s3cret@h/d?options=-csearch_path%3Dx", "may have each of"],
    ["postgres://u:s3cret@h/d?sslmode=disable&sslmode=require", "may have each of"],
    ["postgres://u:%E0%A4@h/d", "has a broken `%`"],
  ])("refuses %s without repeating it", (text, said) => {
    expect(() => parseDatabaseUrl(text)).toThrow(said);
    expect(() => parseDatabaseUrl(text)).not.toThrow("s3cret");
  });
});
