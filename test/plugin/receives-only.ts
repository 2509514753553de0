// A team's module that receives mail and forgot the line that exports Postern's workflows.
import { onMail } from "../../workflows/index.ts";

export async function forgetful(): Promise<void> {
  for await (const mail of onMail()) await mail.read();
}
