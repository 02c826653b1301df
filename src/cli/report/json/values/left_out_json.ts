/** What was left out because no series was named, in `--json` output. */
import * as v from "valibot";
import { always, count } from "../json_fields.ts";

/** Values under keys, of which nothing was told and with which nothing was done. */
export const leftOutMessage = v.strictObject({
  message_type: always("left_out", "The kind of message."),
  keys: count("How many keys with values. What names their series, such as `kv/app`, concerns them."),
});

/** Its JSON object. */
export function leftOutJson(keys: number): v.InferOutput<typeof leftOutMessage> {
  return { message_type: "left_out", keys };
}
