/** Letting the page draw and take input in the middle of long work. */

/** Work goes on for so long, in milliseconds, before the page gets its turn. */
const TURN_MILLIS = 10;

let turnBegan = 0;
let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/** Gives the page its turn, if it has not had one for a while. */
export async function breathe(): Promise<void> {
  const now = performance.now();
  // What came in between was not ours, if it was long ago: a new turn begins.
  if (now - turnBegan > 1_000) turnBegan = now;
  if (now - turnBegan < TURN_MILLIS) return;
  await yieldToPage();
  turnBegan = performance.now();
}

function yieldToPage(): Promise<void> {
  const scheduler = (globalThis as { scheduler?: { yield?: () => Promise<void> } }).scheduler;
  if (scheduler?.yield) return scheduler.yield();
  // A message is a task of its own and, unlike a timer, not held back in a hidden tab.
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => waiting.shift()?.();
    (channel.port1 as { unref?: () => void }).unref?.();
  }
  const { port2 } = channel;
  return new Promise(resolve => {
    waiting.push(resolve);
    port2.postMessage(null);
  });
}
