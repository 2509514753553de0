import "./unwatched.ts";
import { DefaultLogger, Runtime } from "@temporalio/worker";

// Imported by whatever starts workers in a test file: their comings and goings are nobody's news.
Runtime.install({ logger: new DefaultLogger("ERROR") });
