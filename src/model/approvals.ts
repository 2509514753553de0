/** What holds where a policy says nothing about approvals, and for mailboxes without a policy. */
export const DEFAULT_APPROVALS = { quorum: 1, expireAfter: "7 days", trustNamespace: false } as const;

/** When approvers are reminded, and when others may decide too: milliseconds, as parts of how long a hold lives. */
export function reminders(expireAfter: number): { readonly remindAfter: number; readonly escalateAfter: number } {
  return { remindAfter: Math.round(0.5 * expireAfter), escalateAfter: Math.round(0.8 * expireAfter) };
}
