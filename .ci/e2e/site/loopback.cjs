// Lets the program that loads this find the hosts of $SITES ("host:port" to "address:port") where they are, this
// machine only. It sees every connection and changes no data.
const net = require("node:net");

const sites = JSON.parse(process.env.SITES) ?? {};
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  const given = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (given === null || typeof given !== "object") {
    throw new TypeError(`a connection to ${given}, which cannot be told from one of another test's`);
  }
  if (given.path) {
    return connect.apply(this, args);
  }
  const host = given.host ?? "localhost";
  const at = sites[`${host}:${given.port}`];
  if (at) {
    const [address, port] = at.split(":");
    Object.assign(given, { host: address, port: Number(port) });
  } else if (!["localhost", "127.0.0.1", "::1"].includes(host)) {
    const refusal = Object.assign(new Error(`${host}:${given.port} is not of this test`), { code: "ENOTFOUND" });
    process.nextTick(() => this.destroy(refusal));
    return this;
  }
  return connect.apply(this, args);
};
