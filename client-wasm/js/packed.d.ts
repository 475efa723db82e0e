/** The WebAssembly module as text, deflated, in base64; build.mjs writes it beside the entries. */
declare const packed: string;
export default packed;
