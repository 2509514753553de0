import type { ReleaseProposal } from "./contract.ts";
import { finalDecision } from "./decisions.ts";
import { closeHold } from "./hold-ends.ts";
import type { OperationsOf } from "./operation.ts";
import { findMessage, releaseMessage, waiting, type Release } from "./released.ts";

export const release = {
  // The run that decided may ask again and is told the same; anybody else comes too late.
  "release.decide": {
    kind: "write",
    async run(tx, proposal) {
      const message = await findMessage(tx, proposal.tenant, proposal.message);
      if (message === undefined) return { refused: "not_found" };
      const recorded = await finalDecision(tx, message.id, "release");
      if (recorded !== null) return recorded.run === proposal.trace.run_id ? recorded : { refused: "not_waiting" };
      const held = await waiting(tx, message);
      if (held === null) return { refused: "not_waiting" };
      await closeHold(tx, message, proposal.action === "release" ? "approved" : "rejected", proposal.at);
      return releaseMessage(tx, held, releaseOf(proposal));
    },
  },
} satisfies OperationsOf<"release">;

function releaseOf({ action, ...proposal }: ReleaseProposal): Release {
  return action === "release"
    ? { ...proposal, outcome: "delivered", reason: "released_by_person", judged_at: "person" }
    : { ...proposal, outcome: "discarded", reason: "discarded_by_person", judged_at: "person" };
}
