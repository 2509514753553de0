import { beforeEach, inject } from "vitest";

// Where no PostgreSQL can be had, its tests say so instead of failing.
beforeEach(({ skip }) => {
  const server = inject("postgres");
  if ("missing" in server) skip(`no PostgreSQL: ${server.missing}`);
});
