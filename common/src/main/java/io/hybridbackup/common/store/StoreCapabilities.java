package io.hybridbackup.common.store;

/**
 * What a store was seen to do when it was probed.
 *
 * @param conditionalCreate of several writers that create one key at once exactly one wins, with a
 *     plain write and with a completed upload; without it only one replica of a service may run
 * @param rangeCopy ranges of objects can be copied into a new one without passing through us
 * @param fullObjectChecksum the store keeps a CRC64NVME of whole objects, also of composed ones
 * @param sharedBlockBytes as {@link ObjectStore#sharedBlockBytes} says from then on
 */
public record StoreCapabilities(
    boolean conditionalCreate,
    boolean rangeCopy,
    boolean fullObjectChecksum,
    int sharedBlockBytes) {}
