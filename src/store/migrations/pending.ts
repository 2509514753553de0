import { PosternError } from "../../model/errors.ts";
import type { Migration } from "./migration.ts";

/** What a database lacks whose newest step is `newest` (0: it is empty). Refuses one that newer code has been at. */
export function pendingAfter(newest: number, migrations: readonly Migration[]): readonly Migration[] {
  const known = migrations.length;
  if (newest <= known) return migrations.slice(newest);
  throw new PosternError("invalid_config", `the database has schema ${newest}, this version knows up to ${known}`, {
    fix: "start the version that wrote it or a newer one, or restore the backup made before the update",
  });
}
