// What the page finds on, or puts on, the window.
interface Window {
  io?: (options: { autoConnect: boolean }) => import('./client.js').Socket;
  plenum: import('./client.js').Client;
}
