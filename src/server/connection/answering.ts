/** Answers one request, whatever happens: what goes wrong becomes a refusal, or the end of the connection. */
import { ClientGone, Refusal } from "../refusal.ts";
import type { Exchange } from "./exchange.ts";
import { checkHead } from "./request_head.ts";

/** How requests are answered. */
interface Answering {
  /** Answers. What it throws besides `Refusal` and `ClientGone` goes to `refusalOf`. */
  readonly answer: (exchange: Exchange) => Promise<void>;
  /** What the client sees of a failure, without paths of this machine. Tells the operator. */
  readonly refusalOf: (exchange: Exchange, thrown: unknown) => Refusal;
  /** Headers of every refusal. */
  readonly refusalHeaders?: Readonly<Record<string, string>>;
  /** Called for a refusal that could not be sent. */
  readonly onFailure: (exchange: Exchange, thrown: unknown) => void;
}

/** Checks the head of a request and answers it. Never throws. */
export async function answerOrRefuse(exchange: Exchange, answering: Answering): Promise<void> {
  try {
    requireHead(exchange);
    await answering.answer(exchange);
    await exchange.finish();
  } catch (thrown) {
    await refuse(exchange, thrown, answering);
  }
}

/**
 * Checks the head. If it is refused, what follows it could be read in two ways, so the connection is not used again.
 */
function requireHead(exchange: Exchange): void {
  try {
    checkHead(exchange);
  } catch (thrown) {
    exchange.closeConnectionAfter();
    throw thrown;
  }
}

async function refuse(exchange: Exchange, thrown: unknown, answering: Answering): Promise<void> {
  if (thrown instanceof ClientGone) return await exchange.giveUp();
  const { refusalOf, refusalHeaders, onFailure } = answering;
  const refusal = thrown instanceof Refusal ? thrown : refusalOf(exchange, thrown);
  try {
    await exchange.refuse(refusal.status, refusal.message, { ...refusalHeaders, ...refusal.headers });
  } catch (error) {
    exchange.cut();
    if (!(error instanceof ClientGone)) onFailure(exchange, error);
  }
}
