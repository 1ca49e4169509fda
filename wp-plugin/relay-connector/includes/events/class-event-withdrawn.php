<?php
/**
 * An event that must not be sent any more.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Its message is shown in the list of events.
 */
final class Event_Withdrawn extends \Exception {
}
