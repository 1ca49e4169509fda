<?php
/**
 * An event that is not to be sent any more.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Its message is a sentence for the outbox list.
 */
final class Event_Withdrawn extends \Exception {
}
