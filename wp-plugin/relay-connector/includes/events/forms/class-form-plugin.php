<?php
/**
 * What is known about a form plugin.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Leads;

defined( 'ABSPATH' ) || exit;

/**
 * Listens to one form plugin and reads its forms and entries. Whether the plugin is there is asked at the moment when it
 * matters, never while files are loaded.
 */
abstract class Form_Plugin {

	/**
	 * More forms than these are not listed, since PHP takes no more than a thousand fields in one request; what is
	 * chosen for new forms counts for the others.
	 */
	const MOST_FORMS = 50;

	/**
	 * Notes entries down.
	 *
	 * @var Leads
	 */
	private $leads;

	/**
	 * Its forms, once they were asked for.
	 *
	 * @var string[]|null
	 */
	private $forms = null;

	/**
	 * Takes the one that notes entries down.
	 *
	 * @param Leads $leads The source of leads.
	 */
	public function __construct( Leads $leads ) {
		$this->leads = $leads;
	}

	/**
	 * The short name: the one that the plugin has in the directory of plugins.
	 *
	 * @return string
	 */
	abstract public function slug();

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	abstract public function name();

	/**
	 * Whether it is there.
	 *
	 * @return bool
	 */
	abstract public function is_active();

	/**
	 * Listens to its entries.
	 */
	abstract public function add_hooks();

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	abstract public function forms();

	/**
	 * The fields of a form, also those that are never sent.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[] Without values.
	 */
	abstract public function fields( $form_id );

	/**
	 * Its forms; none when the plugin is of a version that we do not know, which must not take a page with it.
	 *
	 * @return string[] Titles by id.
	 */
	public function safe_forms() {
		if ( null === $this->forms ) {
			try {
				$this->forms = $this->is_active() ? array_map( 'strval', $this->forms() ) : array();
			} catch ( \Throwable $error ) {
				$this->forms = array();
			}
		}
		return $this->forms;
	}

	/**
	 * A form's title; without one, its number.
	 *
	 * @param int|string $form_id The form's id.
	 * @return string
	 */
	public function title_of( $form_id ) {
		$forms = $this->safe_forms();
		/* translators: %s: number of a form. */
		return isset( $forms[ $form_id ] ) && '' !== $forms[ $form_id ] ? $forms[ $form_id ] : sprintf( __( 'form %s', 'relay-connector' ), $form_id );
	}

	/**
	 * Where an admin can read an entry, '' when nowhere.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's number.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return '';
	}

	/**
	 * Notes an entry down.
	 *
	 * @param callable $read Gives the entry, or null when it is not one to be sent.
	 */
	protected function record_entry( callable $read ) {
		$this->leads->record_entry( $this, $read );
	}
}
