// A worker for pages that are opened from a folder, where browsers start none: its script runs in a
// hidden frame, and messages go to and fro as they would.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = null;
      const base = new URL(url, location);
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inside = frame.contentWindow;
      const deliver = (target, data) => {
        const event = new MessageEvent("message", { data });
        if (typeof target.onmessage === "function") target.onmessage(event);
        target.dispatchEvent(event);
      };
      inside.postMessage = (data) => setTimeout(() => deliver(this, data));
      const load = (address) =>
        new Promise((resolve, reject) => {
          const script = frame.contentDocument.createElement("script");
          script.src = new URL(address, base);
          script.onload = resolve;
          script.onerror = reject;
          frame.contentDocument.body.appendChild(script);
        });
      inside.importScripts = (...addresses) =>
        addresses.reduce((done, one) => done.then(() => load(one)), Promise.resolve());
      const ready = load(base);
      this.postMessage = (data) => ready.then(() => deliver(inside, data));
      this.terminate = () => frame.remove();
    }
  };
}
