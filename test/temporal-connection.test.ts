import { describe, expect, it } from "vitest";
import { compressionTo } from "../src/temporal-connection.ts";

describe("what goes to Temporal", () => {
  it.each(["127.0.0.1:7233", "localhost:7233", "[::1]:7233", "localhost", undefined])(
    "is not compressed on this machine (%s)",
    (address) => {
      expect(compressionTo(address)).toEqual({ grpcCompression: { codec: "none" } });
    },
  );

  it.each(["temporal:7233", "acme.tmprl.cloud:7233", "10.0.0.7:7233", "[2001:db8::1]:7233", "localhost.example:7233"])(
    "is compressed on its way to others, as the SDK does it (%s)",
    (address) => {
      expect(compressionTo(address)).toEqual({});
    },
  );
});
