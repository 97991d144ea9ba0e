// The server as the page sees it: one function a call, every failure an error with words that a person understands.

const STORED = "georsmllm-key";
let key = sessionStorage.getItem(STORED) || "";

export function setKey(text) {
  key = text;
  sessionStorage.setItem(STORED, text);
}

export class Trouble extends Error {
  // status 0: the server did not answer
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const PLAIN = {
  busy: "The model is busy with other questions. Try again in a moment.",
  closing: "The server is shutting down.",
  timeout: "The answer took too long and was given up. Ask about a smaller part: draw a box.",
  no_image: "The server no longer has this image. Open it again.",
  no_result: "The server no longer has this result. Ask again.",
};
const UNREACHED = "The server does not answer. Is it still running?";

export function plain(code, message) {
  if (PLAIN[code]) return PLAIN[code];
  const text = message || "Something went wrong.";
  return text[0].toUpperCase() + text.slice(1);
}

function trouble(status, text) {
  let told = {};
  try { told = JSON.parse(text).error || {}; } catch { /* no JSON: a proxy's page */ }
  return new Trouble(status, told.code, plain(told.code, told.message || `The server refused (${status}).`));
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble(0, "gone", UNREACHED);
  }
  if (!answer.ok) throw trouble(answer.status, await answer.text());
  return answer;
}

export const about = async () => (await call("/api/about")).json();
export const samples = async () => (await call("/api/samples")).json();
export const image = async (id) => (await call(`/api/images/${id}`)).json();
export const file = async (path) => (await call(path)).blob();

export async function picture(id, size = 2048) {
  return createImageBitmap(await (await call(`/api/images/${id}/picture?size=${size}`)).blob());
}

export async function view(id, { x, y, w, h, size }, signal) {
  const path = `/api/images/${id}/view?x=${x}&y=${y}&w=${w}&h=${h}&size=${size}`;
  return createImageBitmap(await (await call(path, { signal })).blob());
}

export function upload(blob, name, progress) {
  // fetch cannot tell how much has been sent
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/images?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(trouble(request.status, request.responseText));
    };
    request.onerror = () => reject(new Trouble(0, "gone", UNREACHED));
    request.send(blob);
  });
}

export async function* ask(question, signal) {
  // Yields {name, data} for each server-sent event.
  const answer = await call("/api/ask", {
    method: "POST", signal, body: JSON.stringify(question), headers: { "Content-Type": "application/json" },
  });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Trouble(0, "gone", "The connection broke before the answer was there.");
    }
    if (part.done) return;
    text += part.value;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const event = parsed(text.slice(0, end));
      text = text.slice(end + 2);
      if (event) yield event;
    }
  }
}

function parsed(block) {
  let name = "message", data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  return data ? { name, data: JSON.parse(data) } : null;
}
