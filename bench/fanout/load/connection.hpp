// One raw WebSocket connection: handshake, then frames of which only the beginnings are read.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "frames.hpp"

inline uint64_t nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000ull + static_cast<uint64_t>(time.tv_nsec);
}

/// What the peer speaks above WebSocket: which messages count, and what has to be answered.
enum class Dialect { plain, threadcast, socketio };

/// Linux: choose the local port at `connect`, so that one port serves several remote ends.
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

/// More would let one busy connection hold up the others.
inline constexpr int READS_AT_ONCE = 16;

/// Told what happens to connections.
struct Listener {
  virtual void onReady() = 0;
  virtual void onMessages(uint32_t count, uint64_t bytes, bool isCompressed, uint64_t stamp) = 0;
  virtual ~Listener() = default;
};

class Connection {
public:
  enum class Progress { going, closed, refused };

  /// Connects from one of eight loopback addresses: one address has too few ports for some ten thousand connections.
  /// Returns false with `errno` when that is impossible.
  bool connect(int port, size_t index, int receiveBuffer) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    const int one = 1;
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    // closed by reset: no connection of a finished run waits in TIME_WAIT
    const linger noWait{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &noWait, sizeof noWait);
    if (receiveBuffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    sockaddr_in from = loopback(2 + static_cast<uint32_t>(index % 8), 0);
    if (bind(fd_, reinterpret_cast<sockaddr *>(&from), sizeof from) < 0) return false;
    sockaddr_in to = loopback(1, port);
    return ::connect(fd_, reinterpret_cast<sockaddr *>(&to), sizeof to) == 0 || errno == EINPROGRESS;
  }

  int fd() const { return fd_; }

  /// The TCP connection stands, or has failed: sends the request.
  Progress begin(const std::string &request) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return refuse(strerror(error));
    if (!say(request.data(), request.size())) return refuse(strerror(errno));
    state_ = State::upgrading;
    return Progress::going;
  }

  /// Reads what is there.
  Progress read(Dialect dialect, bool wantsStamps, Listener &listener) {
    static char buffer[64 * 1024];
    for (int reads = 0; reads < READS_AT_ONCE; reads++) {
      const uint64_t discardable = reader_.discardable();
      const bool discards = discardable >= 1024;
      const size_t wanted =
          discards ? static_cast<size_t>(std::min<uint64_t>(discardable, 1 << 30)) : (reader_.expectsBig() ? 512 : sizeof buffer);
      const ssize_t got = discards ? recv(fd_, nullptr, wanted, MSG_TRUNC) : recv(fd_, buffer, wanted, 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Progress::going;
      if (got <= 0) return state_ == State::open ? Progress::closed : refuse("the server closed the socket");
      const size_t count = static_cast<size_t>(got);
      Sink sink{*this, dialect, wantsStamps, listener};
      if (discards) reader_.discarded(count, sink);
      else if (state_ == State::upgrading) {
        const Progress progress = readResponse(buffer, count, dialect, listener, sink);
        if (progress != Progress::going) return progress;
      } else reader_.feed(buffer, count, sink);
      if (isClosing_) return Progress::closed;
      if (count < wanted) return Progress::going;
    }
    return Progress::going;
  }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  bool isConnecting() const { return state_ == State::connecting; }
  bool isOpen() const { return state_ == State::open && fd_ >= 0; }
  bool hasDeflate() const { return hasDeflate_; }
  const std::string &refusal() const { return refusal_; }

  bool isStalled = false;

private:
  enum class State : uint8_t { connecting, upgrading, joining, open };

  struct Sink {
    Connection &connection;
    Dialect dialect;
    bool wantsStamps;
    Listener &listener;

    void onMessage(const Message &message) {
      if (dialect == Dialect::socketio && connection.answerSocketIo(message, listener)) return;
      if (dialect == Dialect::threadcast && !message.isCompressed && !message.startsWith("{\"t\":\"msg\"") && message.markers == 0)
        return;
      const uint32_t count = std::max<uint32_t>(1, message.markers);
      listener.onMessages(count, message.size, message.isCompressed, wantsStamps ? message.stamp() : 0);
    }

    void onControl(Opcode opcode, const char *payload, size_t size) {
      if (opcode == PING) connection.sayFrame(PONG, payload, size);
      if (opcode == CLOSE) connection.isClosing_ = true;
    }
  };

  static sockaddr_in loopback(uint32_t host, int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    return address;
  }

  Progress readResponse(const char *bytes, size_t count, Dialect dialect, Listener &listener, Sink &sink) {
    response_.append(bytes, count);
    const size_t end = response_.find("\r\n\r\n");
    if (end == std::string::npos) return Progress::going;
    if (response_.compare(0, 12, "HTTP/1.1 101") != 0) return refuse(response_.substr(0, 120));
    hasDeflate_ = response_.find("permessage-deflate") < end;
    const std::string rest = response_.substr(end + 4);
    std::string().swap(response_);
    if (dialect == Dialect::socketio) state_ = State::joining;
    else ready(listener);
    reader_.feed(rest.data(), rest.size(), sink);
    return Progress::going;
  }

  /// Engine.IO 4 and Socket.IO 5: `0` open, `2` ping, `40` connect, `42` event. True when it was not an event.
  bool answerSocketIo(const Message &message, Listener &listener) {
    // only events are long enough to be compressed
    if (message.isCompressed || message.startsWith("42")) return false;
    if (message.startsWith("0")) sayFrame(TEXT, "40", 2);
    else if (message.startsWith("2")) sayFrame(TEXT, "3", 1);
    else if (message.startsWith("40")) ready(listener);
    return true;
  }

  void ready(Listener &listener) {
    state_ = State::open;
    listener.onReady();
  }

  /// A masked frame, as a client has to send it; a mask of zeros leaves the payload as it is.
  void sayFrame(Opcode opcode, const char *payload, size_t size) {
    char frame[6 + 125] = {static_cast<char>(0x80 | opcode), static_cast<char>(0x80 | size), 0, 0, 0, 0};
    memcpy(frame + 6, payload, size);
    say(frame, 6 + size);
  }

  /// A socket that has no room for a few bytes is not worth waiting for.
  bool say(const char *bytes, size_t size) { return send(fd_, bytes, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size); }

  Progress refuse(std::string reason) {
    refusal_ = std::move(reason);
    return Progress::refused;
  }

  int fd_ = -1;
  State state_ = State::connecting;
  bool hasDeflate_ = false;
  bool isClosing_ = false;
  FrameReader reader_;
  std::string response_;
  std::string refusal_;
};
