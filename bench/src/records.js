// The records that every contender stores: about 250 bytes of JSON each, the same for a seed.
// Text is drawn from a word list, so that it compresses as people's notes do.
const WORDS =
  'milk bread call doctor about the new plan for garden tomorrow buy fresh apples and send letter before noon check invoice number with team meeting room paint kitchen wall blue order spare parts from shop near station return library book write report on water level'.split(
    ' ',
  );

export function randomNumbers(seed) {
  // mulberry32, public domain
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** `count` records in lists of 1,000 each. */
export function makeRecords(count, seed = 1) {
  const random = randomNumbers(seed);
  const records = [];
  for (let index = 0; index < count; index += 1) {
    let note = '';
    while (note.length < 130) note += `${WORDS[Math.floor(random() * WORDS.length)]} `;
    records.push({
      title: `${WORDS[Math.floor(random() * WORDS.length)]} ${Math.floor(random() * 1e6)}`,
      note: note.trim(),
      list: `list-${Math.floor(index / 1000)}`,
      done: random() < 0.3,
      priority: Math.floor(random() * 5),
      amount: Math.round(random() * 100000) / 100,
    });
  }
  return records;
}
