/** Entry of the executable. */
import { main } from "./cli/process.ts";

await main();
