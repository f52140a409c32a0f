# The image is the static binaries and an empty data directory, nothing else. `make image` builds both and this.
FROM scratch
COPY --chown=999:999 build/image/data /data
COPY build/image/crdb build/image/crdb-cli /
USER 999:999
VOLUME /data
ENTRYPOINT ["/crdb"]
CMD ["version"]
