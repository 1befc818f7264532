// Load client of the fan-out benchmark: thousands of WebSocket connections that read messages and keep none.
//
//   client --port PORT --ack-port PORT [--dialect plain|threadcast|socketio] [--deflate] [--receive-buffer BYTES] [--seconds N]
//
// Commands come on stdin, one a line; each is answered by one line of JSON on stdout.
//   open COUNT PATH   opens so many more connections, all at once but 128 handshakes at a time   {"open","deflate","ms"}
//   stall COUNT       stops reading on so many connections, evenly spread                        {"stalled"}
//   unstall           reads on                                                                   {"stalled"}
//   stamps            from now on notes latencies, and forgets the ones before                   {}
//   latency           what was noted, in microseconds                          {"count","p50","p99","p999","max"}
//   stats             since the start                                          {"messages","bytes","compressed","closed","busyUs"}
//   spin, rest        polls without sleeping, or sleeps when nothing comes                     {}
//   quit
// The server that is measured talks to the client by itself, over a connection to its ack port: it says `round COUNT`, hears `ready`,
// and then a `done` whenever so many more messages have come. From `spin` until `rest` the client polls without ever sleeping: a
// write to a sleeping receiver on the same machine costs the sender an interrupt to another core, which no sender to a network pays,
// and which falls on slow senders more than on fast ones.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "connection.hpp"

namespace {

constexpr int HANDSHAKES_AT_ONCE = 128;
constexpr size_t MOST_LATENCIES = 8'000'000;
constexpr uint64_t COMMANDS = ~0ull;
constexpr uint64_t ACKS = ~0ull - 1;

[[noreturn]] void fail(const std::string &what) {
  fprintf(stderr, "load client: %s\n", what.c_str());
  exit(1);
}

struct Options {
  int port = 0;
  int ackPort = 0;
  Dialect dialect = Dialect::plain;
  bool offersDeflate = false;
  int receiveBuffer = 0;
  uint64_t seconds = 1800;
};

Options parse(int count, char **words) {
  Options options;
  for (int i = 1; i < count; i++) {
    const std::string name = words[i];
    if (name == "--deflate") {
      options.offersDeflate = true;
      continue;
    }
    if (i + 1 >= count) fail("no value for " + name);
    const std::string value = words[++i];
    if (name == "--port") options.port = atoi(value.c_str());
    else if (name == "--ack-port") options.ackPort = atoi(value.c_str());
    else if (name == "--receive-buffer") options.receiveBuffer = atoi(value.c_str());
    else if (name == "--seconds") options.seconds = strtoull(value.c_str(), nullptr, 10);
    else if (name == "--dialect" && value == "plain") options.dialect = Dialect::plain;
    else if (name == "--dialect" && value == "threadcast") options.dialect = Dialect::threadcast;
    else if (name == "--dialect" && value == "socketio") options.dialect = Dialect::socketio;
    else fail("unknown option " + name + " " + value);
  }
  return options;
}

/// Text that comes in any pieces, as whole lines.
class Lines {
public:
  /// False at the end of the stream.
  bool read(int fd) {
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got > 0) text_.append(buffer, static_cast<size_t>(got));
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }

  bool next(std::string &line) {
    const size_t end = text_.find('\n');
    if (end == std::string::npos) return false;
    line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return true;
  }

private:
  std::string text_;
};

class Client : Listener {
public:
  explicit Client(const Options &options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    watch(STDIN_FILENO, COMMANDS, EPOLLIN);
    if (options_.ackPort > 0) connectAcks();
  }

  void run() {
    const uint64_t end = nowNs() + options_.seconds * 1'000'000'000ull;
    std::vector<epoll_event> events(1024);
    while (nowNs() < end) {
      openMore();
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), spins_ ? 0 : 1000);
      if (count < 0 && errno != EINTR) fail(strerror(errno));
      if (count <= 0) continue;
      const uint64_t since = nowNs();
      for (int i = 0; i < count; i++) {
        const uint64_t id = events[static_cast<size_t>(i)].data.u64;
        if (id == COMMANDS) readCommands();
        else if (id == ACKS) readRounds();
        else serve(static_cast<size_t>(id));
      }
      acknowledge();
      busyNs_ += nowNs() - since;
    }
  }

private:
  void onReady() override {
    open_++;
    handshakes_--;
  }

  void onMessages(uint32_t count, uint64_t bytes, bool isCompressed, uint64_t stamp) override {
    messages_ += count;
    bytes_ += bytes;
    if (isCompressed) compressed_ += count;
    if (stamp == 0 || latencies_.size() >= MOST_LATENCIES) return;
    const uint64_t now = nowNs();
    latencies_.push_back(now > stamp ? static_cast<uint32_t>(std::min<uint64_t>((now - stamp) / 1000, UINT32_MAX)) : 0);
  }

  // --- connections

  void openMore() {
    while (connections_.size() < wanted_ && handshakes_ < HANDSHAKES_AT_ONCE) {
      const size_t index = connections_.size();
      Connection &connection = connections_.emplace_back();
      if (!connection.connect(options_.port, index, options_.receiveBuffer)) fail(std::string("connect: ") + strerror(errno));
      watch(connection.fd(), index, EPOLLOUT);
      handshakes_++;
    }
    if (!isOpening_ || open_ + closed_ < wanted_) return;
    isOpening_ = false;
    size_t deflate = 0;
    for (const Connection &connection : connections_) deflate += connection.hasDeflate() ? 1 : 0;
    const double ms = static_cast<double>(nowNs() - openingSince_) / 1e6;
    printf("{\"open\":%zu,\"deflate\":%zu,\"ms\":%.3f}\n", open_, deflate, ms);
    fflush(stdout);
  }

  void serve(size_t index) {
    Connection &connection = connections_[index];
    if (connection.isStalled || connection.fd() < 0) return;
    Connection::Progress progress;
    if (connection.isConnecting()) {
      progress = connection.begin(request_);
      epoll_event event{EPOLLIN, {.u64 = index}};
      epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd(), &event);
    } else {
      progress = connection.read(options_.dialect, wantsStamps_, *this);
    }
    if (progress == Connection::Progress::refused) fail("handshake refused: " + connection.refusal());
    if (progress != Connection::Progress::closed) return;
    connection.close();
    closed_++;
    open_--;
  }

  void stall(size_t count) {
    const size_t step = std::max<size_t>(1, connections_.size() / std::max<size_t>(1, count));
    for (size_t i = 0; i < connections_.size() && stalled_ < count; i += step) {
      Connection &connection = connections_[i];
      if (!connection.isOpen() || connection.isStalled) continue;
      connection.isStalled = true;
      stalled_++;
      epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd(), nullptr);
    }
  }

  void unstall() {
    for (size_t i = 0; i < connections_.size(); i++) {
      if (!connections_[i].isStalled) continue;
      connections_[i].isStalled = false;
      if (connections_[i].fd() >= 0) watch(connections_[i].fd(), i, EPOLLIN);
    }
    stalled_ = 0;
  }

  void watch(int fd, uint64_t id, uint32_t events) {
    epoll_event event{events, {.u64 = id}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) fail(std::string("epoll_ctl: ") + strerror(errno));
  }

  // --- rounds

  void connectAcks() {
    acks_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(options_.ackPort));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(acks_, reinterpret_cast<sockaddr *>(&to), sizeof to) < 0) fail(std::string("ack port: ") + strerror(errno));
    const int one = 1;
    setsockopt(acks_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(acks_, ACKS, EPOLLIN);
  }

  void readRounds() {
    if (!ackLines_.read(acks_)) exit(0);
    std::string line;
    while (ackLines_.next(line)) {
      if (line == "spin" || line == "rest") {
        spins_ = line == "spin";
        continue;
      }
      if (line.compare(0, 6, "round ") != 0) fail("unknown words from the server: " + line);
      round_ = strtoull(line.c_str() + 6, nullptr, 10);
      nextRound_ = messages_ + round_;
      tellServer("ready\n");
    }
  }

  void acknowledge() {
    std::string words;
    for (; round_ > 0 && messages_ >= nextRound_; nextRound_ += round_) words += "done\n";
    if (!words.empty()) tellServer(words);
  }

  void tellServer(const std::string &words) {
    if (write(acks_, words.data(), words.size()) < 0) exit(0);
  }

  // --- commands

  void readCommands() {
    if (!commandLines_.read(STDIN_FILENO)) exit(0);
    std::string line;
    while (commandLines_.next(line)) {
      obey(line);
      fflush(stdout);
    }
  }

  void obey(const std::string &line) {
    const size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "open") open(rest);
    else if (name == "stall") stall(strtoull(rest.c_str(), nullptr, 10)), printf("{\"stalled\":%zu}\n", stalled_);
    else if (name == "unstall") unstall(), printf("{\"stalled\":%zu}\n", stalled_);
    else if (name == "stamps") latencies_.clear(), wantsStamps_ = true, printf("{}\n");
    else if (name == "latency") sayLatency();
    else if (name == "stats") sayStats();
    else if (name == "spin" || name == "rest") spins_ = name == "spin", printf("{}\n");
    else if (name == "quit") exit(0);
    else fail("unknown command " + line);
  }

  void open(const std::string &rest) {
    const size_t space = rest.find(' ');
    if (space == std::string::npos) fail("open COUNT PATH");
    wanted_ += strtoull(rest.c_str(), nullptr, 10);
    request_ = "GET " + rest.substr(space + 1) +
               " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    if (options_.offersDeflate) request_ += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    request_ += "\r\n";
    openingSince_ = nowNs();
    isOpening_ = true;
  }

  void sayLatency() {
    wantsStamps_ = false;
    std::sort(latencies_.begin(), latencies_.end());
    const size_t count = latencies_.size();
    const auto quantile = [&](double q) {
      return count == 0 ? 0u : latencies_[std::min(count - 1, static_cast<size_t>(q * static_cast<double>(count)))];
    };
    printf("{\"count\":%zu,\"p50\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u}\n", count, quantile(0.5), quantile(0.99),
           quantile(0.999), quantile(1));
  }

  void sayStats() {
    printf("{\"messages\":%lu,\"bytes\":%lu,\"compressed\":%lu,\"closed\":%zu,\"busyUs\":%lu}\n", messages_, bytes_, compressed_,
           closed_, busyNs_ / 1000);
  }

  const Options options_;
  const int epoll_;
  int acks_ = -1;
  Lines commandLines_;
  Lines ackLines_;
  // a deque never moves its elements
  std::deque<Connection> connections_;
  std::string request_;
  size_t wanted_ = 0;
  size_t open_ = 0;
  size_t closed_ = 0;
  size_t stalled_ = 0;
  int handshakes_ = 0;
  bool isOpening_ = false;
  uint64_t openingSince_ = 0;
  uint64_t round_ = 0;
  uint64_t nextRound_ = 0;
  bool spins_ = false;
  uint64_t busyNs_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  uint64_t compressed_ = 0;
  bool wantsStamps_ = false;
  std::vector<uint32_t> latencies_;
};

} // namespace

int main(int count, char **words) {
  Client(parse(count, words)).run();
  return 0;
}
